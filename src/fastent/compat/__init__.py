"""Drop-ins for functions of other libraries, one module per library: their conventions on fastent's engine.

Import the module you need, as in ``from fastent.compat.scipy import entropy``; none imports the library it stands for.
"""
