# The CUDA toolkit and the PyTorch environment that torchup set up, for tcsh and csh.
# torchup writes this file anew at each run, and `torchup undo` removes it: edits here get lost.
# It may be read any number of times. Afterwards each of our entries is there once, our earlier ones
# are gone, and nothing else has changed; only when entries have to be taken out, an empty one of yours
# becomes `.`, which means the same.
#
# The shell itself splits a list, through its variable `path`, and whole words are compared: a pattern
# could not be quoted here. Each list begins with a colon, which is no entry, because tcsh loses its
# place in a loop over nothing. No literal stands inside a branch: tcsh misreads quotes when it skips one.

# PATH: ours first, so that nvcc is the one in CUDA_HOME; entries of an earlier toolkit go.
set _torchup_new = ( ':' '/tmp/torchup-record/cuda-b/bin' )
set _torchup_old = ( ':' )
set _torchup_path = ""
if ( $?PATH ) then
  set _torchup_path = "$PATH"
endif
if ( $?TORCHUP_PATH_ENTRIES ) then
  setenv PATH "$TORCHUP_PATH_ENTRIES"
  set _torchup_old = ( ':' $path:q )
endif
setenv PATH "$_torchup_path"
set _torchup_kept = ""
set _torchup_hits = 0
set _torchup_lead = 0
set _torchup_place = 0
foreach _torchup_item ( ':' $path:q )
  @ _torchup_place++
  set _torchup_mine = 0
  foreach _torchup_other ( $_torchup_new:q $_torchup_old:q )
    if ( "X$_torchup_item" == "X$_torchup_other" ) set _torchup_mine = 1
  end
  if ( $_torchup_mine ) then
    @ _torchup_hits++
    if ( $_torchup_place <= $#_torchup_new ) then
      if ( "X$_torchup_item" == "X$_torchup_new[$_torchup_place]" ) @ _torchup_lead++
    endif
  else
    set _torchup_kept = "${_torchup_kept}:$_torchup_item"
  endif
end
set _torchup_item = '/tmp/torchup-record/cuda-b/bin'
if ( $_torchup_hits == 1 && "X$_torchup_path" == X ) then
  setenv PATH "$_torchup_item"
else if ( $_torchup_hits == 1 ) then
  setenv PATH "${_torchup_item}:$_torchup_path"
else if ( $_torchup_hits != $#_torchup_new || $_torchup_lead != $#_torchup_new ) then
  setenv PATH "${_torchup_item}$_torchup_kept"
endif
setenv TORCHUP_PATH_ENTRIES '/tmp/torchup-record/cuda-b/bin'

# LD_LIBRARY_PATH: ours last, and never an empty entry, which the loader takes for the current directory;
# entries of an earlier toolkit go.
set _torchup_new = ( ':' '/tmp/torchup-record/cuda-b/lib64' )
set _torchup_path = ""
if ( $?PATH ) then
  set _torchup_path = "$PATH"
endif
set _torchup_value = ""
if ( $?LD_LIBRARY_PATH ) then
  set _torchup_value = "$LD_LIBRARY_PATH"
endif
set _torchup_old = ( ':' )
if ( $?TORCHUP_LIBRARY_ENTRIES ) then
  setenv PATH "$TORCHUP_LIBRARY_ENTRIES"
  foreach _torchup_item ( ':' $path:q )
    set _torchup_mine = 1
    foreach _torchup_other ( $_torchup_new:q )
      if ( "X$_torchup_item" == "X$_torchup_other" ) set _torchup_mine = 0
    end
    if ( $_torchup_mine ) set _torchup_old = ( $_torchup_old:q "$_torchup_item" )
  end
endif
setenv PATH "$_torchup_value"
set _torchup_words = ( ':' $path:q )
setenv PATH "$_torchup_path"
set _torchup_kept = ""
set _torchup_hits = 0
foreach _torchup_item ( $_torchup_words:q )
  set _torchup_mine = 0
  foreach _torchup_other ( $_torchup_old:q )
    if ( "X$_torchup_item" == "X$_torchup_other" ) set _torchup_mine = 1
  end
  if ( $_torchup_mine ) then
    @ _torchup_hits++
  else
    set _torchup_kept = "${_torchup_kept}:$_torchup_item"
  endif
end
if ( $_torchup_hits > 1 ) set _torchup_value = "$_torchup_kept:s/://"
foreach _torchup_item ( $_torchup_new:q )
  set _torchup_mine = 0
  foreach _torchup_other ( $_torchup_words:q )
    if ( "X$_torchup_item" == "X$_torchup_other" ) set _torchup_mine = 1
  end
  if ( $_torchup_mine == 0 ) then
    @ _torchup_hits++
    if ( "X$_torchup_value" == X ) then
      set _torchup_value = "$_torchup_item"
    else
      set _torchup_value = "${_torchup_value}:$_torchup_item"
    endif
  endif
end
if ( $_torchup_hits > 1 ) then
  if ( "X$_torchup_value" == X ) then
    unsetenv LD_LIBRARY_PATH
  else
    setenv LD_LIBRARY_PATH "$_torchup_value"
  endif
endif
setenv TORCHUP_LIBRARY_ENTRIES '/tmp/torchup-record/cuda-b/lib64'

setenv CUDA_HOME '/tmp/torchup-record/cuda-b'
setenv TORCHUP_CUDA_HOME '/tmp/torchup-record/cuda-b'

unsetenv TORCHUP_ENVIRONMENT

unset _torchup_path _torchup_new _torchup_old _torchup_kept _torchup_hits _torchup_lead _torchup_place
unset _torchup_item _torchup_mine _torchup_other _torchup_value _torchup_words
