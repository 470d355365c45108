"""Gates of a promotion, a file each: what is demanded, held against what was seen."""
