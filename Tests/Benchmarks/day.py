#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A day of crashes in the core, in a few minutes: events a second, and what memory that takes (day.swift)."""
import os
import subprocess

import core

subprocess.run([core.build(os.path.join(os.path.dirname(os.path.abspath(__file__)), "day.swift"))], check=True)
