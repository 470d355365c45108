"""A release moves from stack to stack on evidence: releases, gates, the record, drift, status."""
