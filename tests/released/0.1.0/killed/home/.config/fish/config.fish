set -g x 1
