"""Engines that run jobs, behind one seam."""
