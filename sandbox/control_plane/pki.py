"""The sandbox's own certificates: one CA, one key pair for each server and each client.

Everything is made at first start, kept in `.sandbox/pki` for the owner only, and never leaves the
machine. Names and groups are those that Kubernetes' own documentation asks for
("PKI certificates and requirements").
"""

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from durable.files import write_private

VALID_FOR = datetime.timedelta(days=365)
RENEW_BEFORE = datetime.timedelta(days=14)
# Clocks of containers and hosts differ a little; a certificate from the future is refused.
BACKDATED = datetime.timedelta(minutes=5)

SERVICE_NETWORK_FIRST = "10.100.0.1"
"""The address of the `kubernetes` Service: the first of EKS's default service network."""

FRONT_PROXY = "front-proxy-client"

_SERVER_NAMES = ("localhost",)
_KUBERNETES_NAMES = (
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class KeyPair:
    """A certificate and its private key, both PEM files."""

    certificate: Path
    key: Path

    @classmethod
    def named(cls, folder: Path, name: str) -> "KeyPair":
        return cls(folder / f"{name}.crt", folder / f"{name}.key")


@dataclass(frozen=True)
class _Wanted:
    name: str
    common_name: str
    organization: str | None = None
    server_names: tuple[str, ...] = ()
    server_addresses: tuple[str, ...] = ()


_CERTIFICATES = (
    _Wanted("etcd-server", "etcd", None, _SERVER_NAMES, (_LOOPBACK,)),
    _Wanted("etcd-client", "kube-apiserver-etcd-client"),
    _Wanted(
        "apiserver",
        "kube-apiserver",
        None,
        (*_SERVER_NAMES, *_KUBERNETES_NAMES),
        (_LOOPBACK, SERVICE_NETWORK_FIRST),
    ),
    _Wanted("token-review-server", "token-review", None, _SERVER_NAMES, (_LOOPBACK,)),
    _Wanted("token-review-client", "kube-apiserver"),
    _Wanted("service-proxy-server", "service-proxy", None, _SERVER_NAMES, (_LOOPBACK,)),
    _Wanted("service-proxy-client", "kube-apiserver"),
    # Of the API server where it passes a request on to the API of an operator.
    _Wanted(FRONT_PROXY, FRONT_PROXY),
    _Wanted("lws-server", "lws-webhook-service", None, ("lws-webhook-service.lws-system.svc",)),
    # Operators run beside the control plane with the rights of their service accounts.
    _Wanted(
        "lws-controller-manager",
        "system:serviceaccount:lws-system:lws-controller-manager",
        "system:serviceaccounts",
    ),
    _Wanted(
        "keda-server",
        "keda-operator",
        None,
        (*_SERVER_NAMES, "keda-operator.keda.svc", "keda-metrics-apiserver.keda.svc"),
        (_LOOPBACK,),
    ),
    _Wanted("keda", "system:serviceaccount:keda:keda-operator", "system:serviceaccounts"),
    _Wanted("admin", "sandbox-admin", "system:masters"),
    _Wanted("controller-manager", "system:kube-controller-manager"),
    _Wanted("scheduler", "system:kube-scheduler"),
    # KWOK plays every kubelet, so it has the rights over all of them.
    _Wanted("kwok", "kwok", "system:masters"),
)


@dataclass(frozen=True)
class Pki:
    """The files of one sandbox's certificates."""

    folder: Path

    @property
    def ca(self) -> KeyPair:
        return self.pair("ca")

    @property
    def service_account(self) -> KeyPair:
        """Signs service account tokens; `certificate` is the bare public key."""
        return KeyPair(self.folder / "service-account.pub", self.folder / "service-account.key")

    def pair(self, name: str) -> KeyPair:
        return KeyPair.named(self.folder, name)


def ensure_pki(folder: Path) -> Pki:
    """All certificates, made where one is missing or about to expire.

    They are made together: a CA that is renewed makes every certificate of the old one worthless.
    """
    pki = Pki(folder)
    if not _usable(pki):
        _make_all(pki)
    return pki


def _usable(pki: Pki) -> bool:
    pairs = [pki.ca, *(pki.pair(wanted.name) for wanted in _CERTIFICATES)]
    files = [
        file for pair in (*pairs, pki.service_account) for file in (pair.certificate, pair.key)
    ]
    if not all(file.exists() for file in files):
        return False
    try:
        authority = x509.load_pem_x509_certificate(pki.ca.certificate.read_bytes())
        limit = datetime.datetime.now(datetime.UTC) + RENEW_BEFORE
        for pair in pairs:
            certificate = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
            certificate.verify_directly_issued_by(authority)
            if certificate.not_valid_after_utc < limit:
                return False
    except Exception:  # any broken file means the same: make them anew
        return False
    return True


def _make_all(pki: Pki) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "moe-serving sandbox")])
    authority = (
        _builder(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    for wanted in _CERTIFICATES:
        own_key = ec.generate_private_key(ec.SECP256R1())
        certificate = _sign(wanted, own_key.public_key(), authority, key)
        _write(pki.pair(wanted.name), own_key, certificate.public_bytes(serialization.Encoding.PEM))
    account_key = ec.generate_private_key(ec.SECP256R1())
    public = account_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    _write(pki.service_account, account_key, public)
    # Last: while it is missing, a start that was interrupted here makes everything anew.
    _write(pki.ca, key, authority.public_bytes(serialization.Encoding.PEM))


def _sign(
    wanted: _Wanted,
    public_key: ec.EllipticCurvePublicKey,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, wanted.common_name)]
    if wanted.organization:
        subject.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, wanted.organization))
    serves = bool(wanted.server_names or wanted.server_addresses)
    # etcd's gRPC gateway dials its own listener, with the server certificate as client.
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
    if serves:
        usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
    builder = (
        _builder(x509.Name(subject), authority.subject, public_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()),
            critical=False,
        )
    )
    if serves:
        names: Sequence[x509.GeneralName] = (
            *(x509.DNSName(name) for name in wanted.server_names),
            *(x509.IPAddress(ipaddress.ip_address(a)) for a in wanted.server_addresses),
        )
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(authority_key, hashes.SHA256())


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + VALID_FOR)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _write(pair: KeyPair, key: ec.EllipticCurvePrivateKey, public: bytes) -> None:
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    write_private(pair.key, private)
    write_private(pair.certificate, public)
