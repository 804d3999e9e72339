"""The old faces, for code that moves over step by step: change the import, and each call reaches the one emitter.

A face only translates. Each method that used to send is a row of its class: the signature is the old call, the body
is the event that it becomes, the decorator says what it answers. All rows pass through
:func:`emitter.adapters.call.deliver`.
"""
