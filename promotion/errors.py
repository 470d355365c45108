"""What the commands of promotions raise where they cannot do what they were asked for."""


class PromotionError(Exception):
    """Says what is wrong, and what to do."""


class RefusedError(Exception):
    """A gate refused, or somebody was first."""


class NothingToDoError(Exception):
    """All is as it was asked for already."""
