"""What the EFA exporter of a node says; names are those of `efa_exporter/exporter.py`."""

from sandbox.monitoring.series import Sample

_PACKET_BYTES = 8192


def efa_samples(interfaces: int, sent_bytes: float) -> list[Sample]:
    """A node that has sent, and received, `sent_bytes` through all its devices."""
    counters = {
        "tx_bytes": sent_bytes,
        "tx_pkts": sent_bytes / _PACKET_BYTES,
        "rx_bytes": sent_bytes,
        "rx_pkts": sent_bytes / _PACKET_BYTES,
        "rx_drops": 0.0,
        "send_bytes": 0.0,
        "rdma_read_bytes": sent_bytes,
        "rdma_read_wr_err": 0.0,
    }
    return [
        Sample("efa_devices", {}, float(interfaces)),
        *(
            Sample(
                f"efa_{counter}_total",
                {"device": f"rdmap{16 * (device + 1)}s27", "port": "1"},
                total / interfaces,
                "counter",
            )
            for counter, total in counters.items()
            for device in range(interfaces)
        ),
    ]
