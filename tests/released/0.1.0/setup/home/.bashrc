# café
export EDITOR=vi
# >>> torchup 1 sha256:b77192c2d38f2f3d newline >>>
if [ -r '/tmp/torchup-record/home/.config/torchup/env.sh' ]; then \builtin . '/tmp/torchup-record/home/.config/torchup/env.sh'; fi
# <<< torchup <<<
