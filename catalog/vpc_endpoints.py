"""AWS services that nodes call, and that the VPC therefore has an interface endpoint for."""

INTERFACE_ENDPOINTS = (
    *("ec2", "ecr.api", "ecr.dkr", "eks", "eks-auth", "logs", "ssm", "ssmmessages", "sts"),
)
"""Of nodes, the CNI, pod identity and Session Manager; with these and S3's gateway nodes
start with no internet (EKS user guide, "private-clusters")."""
