# The CUDA toolkit and the PyTorch environment that torchup set up, for bash, zsh, dash and ksh.
# torchup writes this file anew at each run, and `torchup undo` removes it: edits here get lost.
# It may be read any number of times. Afterwards each of our entries is there once, our earlier ones
# are gone, and nothing else has changed.

# An alias named like a builtin is kept away by the variable in front, a function by `builtin`.
case ${BASH_VERSION-}${ZSH_VERSION-} in
  '') _torchup_builtin= ;;
  *) _torchup_builtin=builtin ;;
esac

# Assigning to a read-only variable stops the file that reads this one, so such variables stay as they are.
_torchup_fixed=
if (PATH= && LD_LIBRARY_PATH= && CUDA_HOME=) 2>/dev/null; then
  :
else
  (PATH=) 2>/dev/null || _torchup_fixed="$_torchup_fixed PATH "
  (LD_LIBRARY_PATH=) 2>/dev/null || _torchup_fixed="$_torchup_fixed LD_LIBRARY_PATH "
  (CUDA_HOME=) 2>/dev/null || _torchup_fixed="$_torchup_fixed CUDA_HOME "
fi

# _torchup_without VALUE :DROP:DROP:  puts the other entries of VALUE, in order, into _torchup_kept,
# each with a colon in front. Empty entries of yours stay as they are.
_torchup_item=
_torchup_rest=
_torchup_kept=
_torchup_without() {
  _torchup_kept=
  _torchup_rest=${1:+$1:}
  while [ -n "$_torchup_rest" ]; do
    _torchup_item=${_torchup_rest%%:*}
    _torchup_rest=${_torchup_rest#*:}
    case $2 in
      *:"$_torchup_item":*) ;;
      *) _torchup_kept=$_torchup_kept:$_torchup_item ;;
    esac
  done
}

# PATH: ours first, so that nvcc is the one in CUDA_HOME.
_torchup_new='/tmp/torchup-record/cuda-b/bin'
_torchup_without "${PATH-}" ":$_torchup_new:${TORCHUP_PATH_ENTRIES:+$TORCHUP_PATH_ENTRIES:}"
case $_torchup_fixed in
  *' PATH '*) ;;
  *)
    PATH=$_torchup_new$_torchup_kept
    $_torchup_builtin export PATH
    ;;
esac
TORCHUP_PATH_ENTRIES=$_torchup_new
$_torchup_builtin export TORCHUP_PATH_ENTRIES

# LD_LIBRARY_PATH: ours last, and never an empty entry: the loader takes that for the current directory.
_torchup_new=${LD_LIBRARY_PATH-}
case ${TORCHUP_LIBRARY_ENTRIES-} in
  '' | '/tmp/torchup-record/cuda-b/lib64') ;;
  *)
    _torchup_without "$_torchup_new" ":$TORCHUP_LIBRARY_ENTRIES:"
    _torchup_new=${_torchup_kept#:}
    ;;
esac
case :$_torchup_new: in
  *:'/tmp/torchup-record/cuda-b/lib64':*) ;;
  *) _torchup_new=${_torchup_new:+$_torchup_new:}'/tmp/torchup-record/cuda-b/lib64' ;;
esac
case $_torchup_fixed in
  *' LD_LIBRARY_PATH '*) ;;
  *)
    LD_LIBRARY_PATH=$_torchup_new
    $_torchup_builtin export LD_LIBRARY_PATH
    ;;
esac
TORCHUP_LIBRARY_ENTRIES='/tmp/torchup-record/cuda-b/lib64'
$_torchup_builtin export TORCHUP_LIBRARY_ENTRIES

case $_torchup_fixed in
  *' CUDA_HOME '*) ;;
  *)
    CUDA_HOME='/tmp/torchup-record/cuda-b'
    $_torchup_builtin export CUDA_HOME
    ;;
esac
TORCHUP_CUDA_HOME='/tmp/torchup-record/cuda-b'
$_torchup_builtin export TORCHUP_CUDA_HOME

$_torchup_builtin unset TORCHUP_ENVIRONMENT

$_torchup_builtin unset -f _torchup_without
$_torchup_builtin unset _torchup_fixed _torchup_item _torchup_rest _torchup_kept _torchup_new _torchup_builtin
