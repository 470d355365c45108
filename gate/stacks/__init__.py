"""`moe check --stack`: what a change would do to a stack, asked of the real engine."""
