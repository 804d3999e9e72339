"""The example project around the reusable app ``emitter``: settings, server, chat page and demo agent."""
