# Prints what bash offers for a line whose words are given, and which of readline's own ways it takes then.
source "$1"
shift
compopt() { echo "compopt $*"; }
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_smtx_backup
((${#COMPREPLY[@]} == 0)) || printf '%s\n' "${COMPREPLY[@]}"
