"""What a policy configuration lists for policies of AWS resources: names, networks, ports."""

from policies.aws.cidrs import Network, network
from policies.reading import elements, known
from policies.review import Config


def texts(config: Config, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
    given = config.get(key)
    return default if given is None else tuple(str(known(each)) for each in elements(given))


def networks(config: Config, key: str) -> list[Network]:
    """Raises UnreadableError where one is no range of addresses."""
    return [network(each) for each in texts(config, key)]
