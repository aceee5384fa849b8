"""The app for phones: screens in one process, the agent in another; a desktop runs both as well."""
