"""What the engine really sent to AWS for stack `local`: recorded inputs, not intentions."""

import base64
import json
from typing import Any

from stacks import reading
from tests.engine.conftest import Project

GPU = "moe-local-gpu"


def inputs(project: Project, kind: str, name: str) -> dict[str, Any]:
    return resource(project, kind, name)["inputs"]  # type: ignore[no-any-return]


def resource(project: Project, kind: str, name: str) -> dict[str, Any]:
    (found,) = (
        each
        for each in project.state()
        if each["type"] == kind and each["urn"].endswith(f"::{name}")
    )
    return found


def all_of(project: Project, kind: str) -> list[dict[str, Any]]:
    return [each for each in project.state() if each["type"] == kind]


def test_gpu_interfaces_are_one_efa_a_card_with_groups_and_no_subnet(project: Project) -> None:
    template = inputs(project, "aws:ec2/launchTemplate:LaunchTemplate", GPU)
    interfaces = template["networkInterfaces"]
    assert [
        (each["networkCardIndex"], each["deviceIndex"], each["interfaceType"])
        for each in interfaces
    ] == [(0, 0, "efa"), (1, 1, "efa-only"), (2, 1, "efa-only"), (3, 1, "efa-only")]
    assert all(len(each["securityGroups"]) == 2 for each in interfaces)
    assert all(each["associatePublicIpAddress"] == "false" for each in interfaces)
    assert not any("subnetId" in each for each in interfaces)
    assert "vpcSecurityGroupIds" not in template
    assert template["placement"]["groupName"]


def test_efa_security_group_lets_itself_in_and_out(project: Project) -> None:
    group = resource(project, "aws:ec2/securityGroup:SecurityGroup", f"{GPU}-efa")["id"]
    for direction in ("Ingress", "Egress"):
        kind = f"aws:vpc/securityGroup{direction}Rule:SecurityGroup{direction}Rule"
        rule = inputs(project, kind, f"{GPU}-efa-self")
        assert rule["securityGroupId"] == rule["referencedSecurityGroupId"] == group
        assert rule["ipProtocol"] == "-1"


def test_every_node_template_is_hardened(project: Project) -> None:
    templates = all_of(project, "aws:ec2/launchTemplate:LaunchTemplate")
    key = resource(project, "aws:kms/key:Key", "moe-local-volumes")["outputs"]["arn"]
    assert len(templates) == 2
    for template in (each["inputs"] for each in templates):
        metadata = template["metadataOptions"]
        assert (metadata["httpTokens"], metadata["httpPutResponseHopLimit"]) == ("required", 1)
        (disk,) = template["blockDeviceMappings"]
        assert disk["ebs"]["encrypted"] == "true"
        assert disk["ebs"]["kmsKeyId"] == key
        kinds = {each["resourceType"]: each["tags"] for each in template["tagSpecifications"]}
        assert kinds.keys() == {"instance", "volume", "network-interface"}
        assert all(tags["stack"] == "local" for tags in kinds.values())


def test_volume_key_serves_the_account_through_ec2_and_fsx_alone(project: Project) -> None:
    key = inputs(project, "aws:kms/key:Key", "moe-local-volumes")
    assert key["enableKeyRotation"] is True
    administered, used = json.loads(key["policy"])["Statement"]
    assert administered["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
    assert used["Condition"]["StringEquals"] == {
        "kms:CallerAccount": "123456789012",
        "kms:ViaService": ["ec2.us-east-1.amazonaws.com", "fsx.us-east-1.amazonaws.com"],
    }


def test_gpu_node_group_is_pinned_repaired_and_in_one_subnet(project: Project) -> None:
    settings = reading.from_file("local").gpu_node_group
    group = inputs(project, "aws:eks/nodeGroup:NodeGroup", GPU)
    assert len(group["subnetIds"]) == 1
    assert group["amiType"] == "AL2023_x86_64_NVIDIA"
    assert group["releaseVersion"] == settings.ami_release_version
    assert group["capacityType"] == "ON_DEMAND"
    assert group["instanceTypes"] == [settings.instance_type]
    assert group["updateConfig"] == {"maxUnavailable": 1, "updateStrategy": "DEFAULT"}
    assert group["nodeRepairConfig"] == {"enabled": True}
    template = inputs(project, "aws:ec2/launchTemplate:LaunchTemplate", GPU)
    assert template["disableApiTermination"] is True
    assert "strategy: RAID0" in base64.b64decode(template["userData"]).decode()


def test_cluster_is_private_audited_and_encrypted(project: Project) -> None:
    cluster = inputs(project, "aws:eks/cluster:Cluster", "moe-local")
    assert cluster["vpcConfig"]["endpointPrivateAccess"] is True
    assert cluster["vpcConfig"]["endpointPublicAccess"] is False
    assert cluster["accessConfig"]["authenticationMode"] == "API"
    assert "audit" in cluster["enabledClusterLogTypes"]
    assert cluster["encryptionConfig"]["resources"] == ["secrets"]
    assert cluster["bootstrapSelfManagedAddons"] is False


def test_the_cni_is_there_before_any_node(project: Project) -> None:
    addon = resource(project, "aws:eks/addon:Addon", "moe-local-vpc-cni")["urn"]
    for group in all_of(project, "aws:eks/nodeGroup:NodeGroup"):
        assert addon in group["dependencies"], group["urn"]


def test_faults_of_gpus_are_found_and_repaired(project: Project) -> None:
    addon = inputs(project, "aws:eks/addon:Addon", "moe-local-eks-node-monitoring-agent")
    # Without a toleration its DCGM is absent from GPU nodes, which the agent takes for a fault.
    agent = json.loads(addon["configurationValues"])
    assert agent == {"dcgmAgent": {"tolerations": [{"operator": "Exists"}]}}
    group = inputs(project, "aws:eks/nodeGroup:NodeGroup", GPU)
    assert group["nodeRepairConfig"]["enabled"] is True


def test_a_destroy_goes_backwards(project: Project) -> None:
    """The engine deletes by what the state says, so each must name what it came after."""
    operator = resource(project, "kubernetes:helm.sh/v3:Release", "gpu-operator")["urn"]
    monitoring = resource(project, "kubernetes:helm.sh/v3:Release", "monitoring")["urn"]
    nodes = resource(project, "aws:eks/nodeGroup:NodeGroup", GPU)["urn"]
    engine = resource(project, "kubernetes:apps/v1:Deployment", "model-server")
    assert {operator, nodes} <= set(engine["dependencies"])
    rule = resource(project, "kubernetes:monitoring.coreos.com/v1:PrometheusRule", "alerts")
    assert monitoring in rule["dependencies"]


def test_one_engine_on_one_node_asks_for_no_efa(project: Project) -> None:
    (pod,) = project.kube.items("/api/v1/namespaces/model-serving/pods")
    for container in pod["spec"]["containers"]:
        assert "vpc.amazonaws.com/efa" not in container["resources"]["limits"]


def test_efa_for_nobody_is_said_at_every_preview(project: Project) -> None:
    said = project.preview(policies=False).stdout
    assert "warning: moe-serving:gpu_node_group.efa.enabled" in said
    project.change("gpu_node_group", efa={"enabled": False})
    assert "warning:" not in project.preview(policies=False).stdout


def test_subnets_have_endpoints_for_what_a_node_calls(project: Project) -> None:
    endpoints = {
        each["inputs"]["serviceName"].removeprefix("com.amazonaws.us-east-1.")
        for each in all_of(project, "aws:ec2/vpcEndpoint:VpcEndpoint")
    }
    assert endpoints >= {"s3", "ec2", "ecr.api", "ecr.dkr", "eks", "eks-auth", "sts", "ssm"}
    subnets = all_of(project, "aws:ec2/subnet:Subnet")
    assert not any(each["inputs"]["mapPublicIpOnLaunch"] for each in subnets)
