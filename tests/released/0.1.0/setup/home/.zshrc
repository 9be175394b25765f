a=1
b=2
# >>> torchup 1 sha256:314f90b6336c7983 >>>
if [ -r '/tmp/torchup-record/home/.config/torchup/env.sh' ]; then \builtin . '/tmp/torchup-record/home/.config/torchup/env.sh'; fi
# <<< torchup <<<
