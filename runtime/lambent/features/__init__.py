"""What a server declares: tools, resources, templates, prompts, completion, and their schemas."""
