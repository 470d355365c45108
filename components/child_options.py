"""Options of a component's children."""

import pulumi


def child_options(
    parent: pulumi.Resource, opts: pulumi.ResourceOptions | None, *after: pulumi.Resource
) -> pulumi.ResourceOptions:
    """Children come after what their component comes after, and after `after`.

    Pulumi records the depends_on of a component for the component alone. Its children
    wait for it when they are created, but a destroy would not go backwards: the CNI would
    go before the nodes that need it.
    """
    given = opts.depends_on if opts is not None else None
    return pulumi.ResourceOptions.merge(
        pulumi.ResourceOptions(parent=parent, depends_on=given),
        pulumi.ResourceOptions(depends_on=list(after)),
    )
