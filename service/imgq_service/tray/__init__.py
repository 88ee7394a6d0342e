"""The tray: an icon that says how the daemon is, and a menu to steer it."""
