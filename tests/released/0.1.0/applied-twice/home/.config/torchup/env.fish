# The CUDA toolkit and the PyTorch environment that torchup set up, for fish.
# torchup writes this file anew at each run, and `torchup undo` removes it: edits here get lost.
# It may be read any number of times. Afterwards each of our entries is there once, our earlier ones
# are gone, and nothing else has changed. No universal variable is written.

begin
    set -l item
    set -l kept
    set -l new
    set -l old

    # PATH: ours first, so that nvcc is the one in CUDA_HOME.
    builtin set new '/tmp/torchup-record/cuda-b/bin'
    builtin set old (builtin string split -n : -- "$TORCHUP_PATH_ENTRIES")
    if builtin test (builtin count $new $old) -gt 0
        for item in $PATH
            builtin contains -- $item $new $old
            or builtin set -a kept $item
        end
        builtin set -gx PATH $new $kept
    end
    builtin set -gx TORCHUP_PATH_ENTRIES '/tmp/torchup-record/cuda-b/bin'

    # LD_LIBRARY_PATH: ours last, and never an empty entry: the loader takes that for the current directory.
    builtin set new '/tmp/torchup-record/cuda-b/lib64'
    builtin set old (builtin string split -n : -- "$TORCHUP_LIBRARY_ENTRIES")
    if builtin test (builtin count $new $old) -gt 0
        builtin set kept
        # A variable that is set but empty holds one empty entry here; quoted it is empty.
        if builtin test -n "$LD_LIBRARY_PATH"
            for item in $LD_LIBRARY_PATH
                builtin contains -- $item $new
                or not builtin contains -- $item $old
                and builtin set -a kept $item
            end
        end
        for item in $new
            builtin contains -- $item $kept
            or builtin set -a kept $item
        end
        if builtin test (builtin count $kept) -gt 0
            builtin set -gx LD_LIBRARY_PATH $kept
        else
            builtin set -e -g LD_LIBRARY_PATH
        end
    end
    builtin set -gx TORCHUP_LIBRARY_ENTRIES '/tmp/torchup-record/cuda-b/lib64'

    builtin set -gx CUDA_HOME '/tmp/torchup-record/cuda-b'
    builtin set -gx TORCHUP_CUDA_HOME '/tmp/torchup-record/cuda-b'
    builtin set -e -g TORCHUP_ENVIRONMENT
end
builtin true
