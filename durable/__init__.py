"""Files that outlive a crash: replaced or created in one step, and locks that name their holder."""
