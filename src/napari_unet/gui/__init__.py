"""The plugin's docks: thin views over the core, and the only folder that knows Qt."""
