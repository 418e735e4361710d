#compdef terra-auth
# Completes terra-auth in zsh. The program itself returns the candidates.
_terra_auth() {
    local program=${(Q)words[1]} mode line
    local -a before lines values shown
    (( $+commands[$program] )) || [[ -x $program ]] || program=terra-auth
    before=("${(@Q)words[1,CURRENT-1]}")
    lines=("${(@f)$("$program" completions zsh --current "${(Q)PREFIX}" -- "${before[@]}" 2>/dev/null)}")
    mode=$lines[1]
    shift lines
    case $mode in
        files) compset -P '--*='; _files; return ;;
        directories) compset -P '--*='; _files -/; return ;;
    esac
    for line in "${lines[@]}"; do
        [[ -n $line ]] || continue
        values+=("${line%%$'\t'*}")
        if [[ $line == *$'\t'* ]]; then
            shown+=("${line/$'\t'/  -- }")
        else
            shown+=("$line")
        fi
    done
    (( $#values )) && compadd -l -d shown -- "${values[@]}"
}
if [[ $funcstack[1] == _terra-auth ]]; then
    _terra_auth "$@"
else
    compdef _terra_auth terra-auth
fi
