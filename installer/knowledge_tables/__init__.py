"""The tables of torchup: what people write (TOML) is checked and compiled to what the program loads (JSON).

    python -m knowledge_tables check      say what is wrong, with file and line
    python -m knowledge_tables compile    write the tables that the program reads

hatchling compiles them for a wheel and an editable install; in a checkout `torchup.knowledge.tables` does where a
source is newer than its table.
"""
