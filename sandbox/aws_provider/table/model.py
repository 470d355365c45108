"""The words in which the table is written.

An entry (`Resource`) says how one Pulumi type maps to AWS calls. A call's parameters are
templates: plain values with sources (`Input`, `ID`, ...) in the places that a resource fills. What
a source does not find is left out, and so is a list or a dict that held nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Template = Any
"""A JSON-like value in which `Source`s stand for what a resource fills in."""


@dataclass(frozen=True)
class Where:
    """A step of a path: the first item of a list whose `member` equals `value`, a template."""

    member: str
    value: Template


Path = tuple[str | int | Where, ...]
"""The way into an API answer: members of structures, indexes of lists, or a search."""


@dataclass(frozen=True)
class Source:
    """Something that is filled in when a call is made."""


@dataclass(frozen=True)
class Id(Source):
    """The Pulumi id of the resource."""


ID = Id()


@dataclass(frozen=True)
class Input(Source):
    """An input by its Pulumi name, as it is; where it was not given, `default`."""

    name: str
    default: Any = None


@dataclass(frozen=True)
class Live(Source):
    """A member of what the API answered before (for updates, deletes and later reads)."""

    name: str


@dataclass(frozen=True)
class Given(Source):
    """`template`, but only where the input `name` was given."""

    name: str
    template: Template


@dataclass(frozen=True)
class Text(Source):
    """A text with {region}, {account}, {partition}, {id} or the name of an input or API member."""

    pattern: str
    defaults: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer(Source):
    """What the call before this one answered at `path`."""

    path: Path


@dataclass(frozen=True)
class Added(Source):
    """The items of a list (entries of a map) that an update brings or changes."""

    name: str


@dataclass(frozen=True)
class Removed(Source):
    """The items of a list that an update takes away.

    Items that have the same members `by` are one item, in another state: it is not taken away.
    """

    name: str
    by: tuple[str, ...] = ()


@dataclass(frozen=True)
class RemovedKeys(Source):
    """The keys of a map that an update takes away."""

    name: str


@dataclass(frozen=True)
class Tags(Source):
    """Tags in the service's own form: all in a create call, the changed ones in an update."""


@dataclass(frozen=True)
class TagKeys(Source):
    """The keys of tags that an update takes away; `pairs`: as [{"Key": ...}], as EC2 wants them."""

    pairs: bool = False


@dataclass(frozen=True)
class Call:
    """One AWS call that changes something.

    `operation` is boto3's method name. `takes_inputs`: every input whose name the operation knows
    is passed too (below the member `below`, where that is set). `when`: the call belongs to these
    inputs: it is made after creation if one was given, and on an update if one changed.
    `("*",)` stands for all inputs that no other call claims. A call without `when` is made once,
    after creation. `only_update`: not after creation. `only_if` and `unless` name an input that
    must be true or false for the call. `ignores`: error codes that mean "already so".
    """

    operation: str
    params: Mapping[str, Template] = field(default_factory=dict)
    takes_inputs: bool = False
    below: str | None = None
    when: tuple[str, ...] = ()
    only_update: bool = False
    only_if: str | None = None
    unless: str | None = None
    ignores: tuple[str, ...] = ()


@dataclass(frozen=True)
class Look:
    """One AWS call that reads; what lies at `path` in the answer is merged into the live state.

    With `at`, it becomes that one member. An `optional` look that finds nothing is passed over;
    any other that finds nothing says that the resource is gone.
    """

    operation: str
    params: Mapping[str, Template]
    path: Path = ()
    at: str | None = None
    optional: bool = False


@dataclass(frozen=True)
class TagStyle:
    """How one service writes tags.

    `create` are parameters of the create call, `read_from` is the member of the live state. The
    form is a list of pairs under the names `key` and `value`, or a plain map where `key` is None.
    `whole`: `add` writes all tags anew and `remove` takes all away.
    """

    create: Mapping[str, Template]
    add: Call
    remove: Call
    key: str | None = "Key"
    value: str = "Value"
    read_from: str = "Tags"
    whole: bool = False


@dataclass(frozen=True)
class IdOf:
    """An id made of inputs, joined by `separator`; so it can be taken apart again for an import."""

    names: tuple[str, ...]
    separator: str


@dataclass(frozen=True)
class Autoname:
    """The property that gets `<prefix><logical name>-<7 hex digits>` where it is not given."""

    property: str = "name"
    prefix: str = ""


@dataclass(frozen=True)
class Adopt:
    """How to find, after a crash, what an earlier create made: `exists` are the error codes.

    `look` finds the id of the one that is there; without it the id is made of inputs.
    """

    exists: tuple[str, ...]
    look: Look | None = None


@dataclass(frozen=True)
class Resource:
    """One Pulumi resource type; see the fields.

    rename: Pulumi path -> name at AWS, where they differ in more than the case. A name with dots is
        a path into the live state (then the value goes into calls by `params` only).
    cfn_rename: the same, for the CloudFormation type `cfn`.
    computed: outputs that no API call tells, as templates.
    replace / in_place: where the real provider departs from CloudFormation's createOnlyProperties.
    replace_when_lower: numbers and versions that AWS only raises.
    local: inputs that only steer the provider.
    volatile: outputs that an update may change; unknown in its preview.
    computed_nested: outputs below an input object that AWS fills in.
    json: inputs that hold a JSON document, which is compared by content.
    allowed: Pulumi path -> values, where only the API's prose lists them.
    ordered: lists in which the order counts, although CloudFormation says that it does not.
    gone_when: live member -> values with which a resource that is still listed counts as gone.
    identity: inputs of which AWS allows only one (where the name or the id does not tell), so that
        a replacement with the same ones must delete first.
    """

    pulumi_type: str
    client: str
    create: Call
    id: Path | IdOf
    read: tuple[Look, ...]
    delete: tuple[Call, ...]
    cfn: str | None = None
    steps: tuple[Call, ...] = ()
    rename: Mapping[str, str] = field(default_factory=dict)
    cfn_rename: Mapping[str, str] = field(default_factory=dict)
    computed: Mapping[str, Template] = field(default_factory=dict)
    autoname: Autoname | None = None
    tags: TagStyle | None = None
    replace: tuple[str, ...] = ()
    in_place: tuple[str, ...] = ()
    replace_when_lower: tuple[str, ...] = ()
    local: tuple[str, ...] = ()
    volatile: tuple[str, ...] = ()
    computed_nested: tuple[str, ...] = ()
    json: tuple[str, ...] = ()
    allowed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ordered: tuple[str, ...] = ()
    gone_when: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    adopt: Adopt | None = None
    identity: tuple[str, ...] = ()


@dataclass(frozen=True)
class Invoke:
    """A function of the provider: a read, and where its results come from."""

    function: str
    client: str
    arguments: tuple[str, ...]
    look: Look | None
    results: Mapping[str, Template]


@dataclass(frozen=True)
class Need:
    """A read that must find something before a call is answered; else AWS's own error.

    Made where the call has its parameters. `gives`: member of a new thing -> path in the answer.
    """

    operation: str
    params: Mapping[str, Template]
    client: str | None = None
    gives: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class KeptKind:
    """A kind of thing that moto cannot hold, so that the stand-in keeps it.

    Names are those of the AWS API. `key`: the members that tell one thing from another. `root`: the
    member of an answer that holds the thing; `list_root`: that of a read which answers a list.
    `derived`: members which AWS adds (patterns over the thing's members, {region}, {account},
    {partition}, {uuid} and {hex}), in this order. `times`: members that hold the time of creation
    and change.
    `list_key`: the parameter of the read that lists what `key` (its last name) may be.
    """

    human: str
    client: str
    create: str
    read: str
    delete: str
    key: tuple[str, ...]
    update: str | None = None
    root: str | None = None
    list_root: str | None = None
    list_key: str | None = None
    derived: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    times: tuple[str, ...] = ()
    arn: str | None = None
    needs: tuple[Need, ...] = ()
    missing: str = "ResourceNotFoundException"
    exists: str = "ResourceInUseException"


@dataclass(frozen=True)
class KeptMembers:
    """Members of a thing that moto holds but forgets or invents, so that the stand-in keeps them.

    `create`, `read`, `delete` and `updates` are the calls that bring, show and end them; of the
    updates moto does not have those in `absent`. `key` are the parameters that name the thing.
    """

    human: str
    client: str
    key: tuple[str, ...]
    root: str
    arn: str
    create: str
    read: str
    delete: str
    members: tuple[str, ...]
    updates: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
