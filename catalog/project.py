"""What the Pulumi project is called; its settings are keys `moe-serving:<section>`."""

PROJECT = "moe-serving"
