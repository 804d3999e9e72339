"""The event plane between AI agents and the people who wait for them, for Django.

Start at :mod:`emitter.service`: ``from emitter.service import emitter``.
"""
