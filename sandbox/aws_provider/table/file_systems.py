"""FSx for Lustre: file systems, and the buckets behind their folders."""

from sandbox.aws_provider.table.model import ID, Added, Call, Input, Look, Resource
from sandbox.aws_provider.table.tags import FSX_TAGS

_FOUND = ("FileSystems", 0)

LUSTRE_FILE_SYSTEM = Resource(
    pulumi_type="aws:fsx/lustreFileSystem:LustreFileSystem",
    client="fsx",
    cfn="AWS::FSx::FileSystem",
    create=Call(
        "create_file_system",
        {
            "FileSystemType": "LUSTRE",
            "FileSystemTypeVersion": Input("fileSystemTypeVersion"),
            "KmsKeyId": Input("kmsKeyId"),
            "SecurityGroupIds": Input("securityGroupIds"),
            "StorageCapacity": Input("storageCapacity"),
            "StorageType": Input("storageType"),
            "SubnetIds": [Input("subnetIds")],
        },
        takes_inputs=True,
        below="LustreConfiguration",
    ),
    id=("FileSystem", "FileSystemId"),
    read=(
        Look("describe_file_systems", {"FileSystemIds": [ID]}, path=_FOUND),
        Look(
            "describe_file_systems",
            {"FileSystemIds": [ID]},
            path=(*_FOUND, "LustreConfiguration"),
        ),
    ),
    steps=(
        Call(
            "update_file_system",
            {
                "FileSystemId": ID,
                "FileSystemTypeVersion": Added("fileSystemTypeVersion"),
                "StorageCapacity": Added("storageCapacity"),
            },
            takes_inputs=True,
            below="LustreConfiguration",
            when=("*",),
            only_update=True,
        ),
    ),
    delete=(
        Call(
            "delete_file_system",
            {
                "FileSystemId": ID,
                "LustreConfiguration": {"SkipFinalBackup": Input("skipFinalBackup", True)},
            },
        ),
    ),
    rename={
        "arn": "ResourceARN",
        "subnetIds": "SubnetIds.0",
        "dataReadCacheConfiguration.size": "SizeGiB",
    },
    # What UpdateFileSystem does not take; CloudFormation tells it in prose alone.
    replace=(
        "copyTagsToBackups",
        "deploymentType",
        "driveCacheType",
        "efaEnabled",
        "exportPath",
        "importPath",
        "importedFileChunkSize",
        "storageType",
    ),
    replace_when_lower=("fileSystemTypeVersion", "storageCapacity"),
    tags=FSX_TAGS,
)

DATA_REPOSITORY_ASSOCIATION = Resource(
    pulumi_type="aws:fsx/dataRepositoryAssociation:DataRepositoryAssociation",
    client="fsx",
    cfn="AWS::FSx::DataRepositoryAssociation",
    create=Call("create_data_repository_association", takes_inputs=True),
    id=("Association", "AssociationId"),
    read=(
        Look(
            "describe_data_repository_associations",
            {"AssociationIds": [ID]},
            path=("Associations", 0),
        ),
    ),
    steps=(
        Call(
            "update_data_repository_association",
            {
                "AssociationId": ID,
                "ImportedFileChunkSize": Input("importedFileChunkSize"),
                "S3": Input("s3"),
            },
            when=("importedFileChunkSize", "s3"),
            only_update=True,
        ),
    ),
    delete=(
        Call(
            "delete_data_repository_association",
            {"AssociationId": ID, "DeleteDataInFileSystem": Input("deleteDataInFilesystem")},
        ),
    ),
    rename={"arn": "ResourceARN"},
    tags=FSX_TAGS,
)

RESOURCES = (LUSTRE_FILE_SYSTEM, DATA_REPOSITORY_ASSOCIATION)
