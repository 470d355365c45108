"""Facts and arithmetic about instances, models, memory and charts.

Nothing here imports Pulumi, so the settings, the policies and the command line
all ask the same functions.
"""
