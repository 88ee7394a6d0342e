"""The search window: one field, pictures as you type. A process of its own, and the home of Qt."""
