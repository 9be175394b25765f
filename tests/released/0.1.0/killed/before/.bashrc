# café
export EDITOR=vi