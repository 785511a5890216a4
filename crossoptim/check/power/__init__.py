"""How much the goldens catch: every term of every rule and schedule is made wrong in turn, and some case must tell."""
