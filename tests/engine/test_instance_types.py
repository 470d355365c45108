"""Another GPU instance type needs an entry in the catalogue, and nothing else."""

from catalog import gpu_nodes
from tests.engine.conftest import Project

P5 = """
P5 = GpuInstanceType(
    name="p5.48xlarge",
    gpu_name="H100-SXM5-80GB",
    gpu_count=8,
    gpu_memory_mib=81920,
    vcpu=192,
    memory_mib=2048 * 1024,
    network_cards=32,
    local_nvme_gb=30400,
)

INSTANCE_TYPES = """


def test_p5_comes_up_by_its_catalogue_entry_alone(project: Project) -> None:
    catalogue = project.folder / "catalog" / "instance_types.py"
    text = catalogue.read_text().replace("INSTANCE_TYPES = ", P5.lstrip("\n"), 1)
    catalogue.write_text(text.replace("for t in (P4D, P4DE)", "for t in (P4D, P4DE, P5)"))
    project.change("gpu_node_group", instance_type="p5.48xlarge")
    try:
        up = project.up()
        assert up.returncode == 0, up.stdout + up.stderr
        capacities = [node["status"]["allocatable"] for node in project.kube.items("/api/v1/nodes")]
        counts = {
            (each[gpu_nodes.GPU_RESOURCE], each[gpu_nodes.EFA_RESOURCE])
            for each in capacities
            if gpu_nodes.GPU_RESOURCE in each
        }
        assert counts == {("8", "32")}
    finally:
        project.restore()
        assert project.up().returncode == 0
