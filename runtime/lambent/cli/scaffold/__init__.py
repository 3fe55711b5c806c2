"""New projects: `project/` is a template of cookiecutter, so that `sam init --location` takes it as well."""
