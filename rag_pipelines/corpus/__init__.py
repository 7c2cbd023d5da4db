"""What a source says now: crawled, extracted and cut into chunks."""
