"""Who asks, and what they may: signatures, principals, policies, and what each call needs.

moto checks neither signatures nor the conditions that matter (tags, instance types, roles that are passed
on), so every call is authorised here, before moto sees it. What is not known here (an action, a condition's
key or operator, a policy's form) is denied to everyone but whom a policy allows everything.
"""
