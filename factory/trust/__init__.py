"""What lets others trust a published image: a software bill of materials, provenance, signatures, and checking them."""
