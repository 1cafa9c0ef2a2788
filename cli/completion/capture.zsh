# Prints what zsh offers for a line, each word after "match:". Takes the script to source, and the line.
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'PROMPT= RPROMPT=; autoload -Uz compinit && compinit -u -D'
zpty -w shell "source $1"
# With -D, -O or -A it is only asked what would fit.
zpty -w shell 'compadd() {
  (( ${@[(I)-[DOA]*]} )) && { builtin compadd "$@"; return }
  local -a __fits
  builtin compadd -O __fits "$@"
  (( $#__fits )) && print -rl -- "match:"$^__fits
  builtin compadd "$@"
}'
zpty -w shell 'captured() { print; _main_complete; print DONE; compstate[insert]=; compstate[list]= }'
zpty -w shell 'zle -C capture complete-word captured; bindkey "^I" capture; print READY'
while zpty -r shell line; do [[ $line == READY* ]] && break; done
zpty -w -n shell "$2"$'\t'
while zpty -r shell line; do
  [[ $line == DONE* ]] && break
  print -r -- $line
done
zpty -d shell
