"""What the screens show and do: a folder a screen, and what all of them share."""
