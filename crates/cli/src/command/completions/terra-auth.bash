# Completes terra-auth in bash 3.2 and later. The program itself returns the candidates.
_terra_auth() {
    local program=${COMP_WORDS[0]} mode='' candidate
    type -P "$program" >/dev/null || program=terra-auth
    COMPREPLY=()
    while IFS= read -r candidate; do
        if [[ -z $mode ]]; then
            mode=$candidate
        else
            COMPREPLY+=("$candidate")
        fi
    done < <("$program" completions bash --line "${COMP_LINE:0:COMP_POINT}" --breaks "$COMP_WORDBREAKS" 2>/dev/null)
    case $mode in
        files) compopt -o default 2>/dev/null || COMPREPLY=($(compgen -f -- "$2")) ;;
        directories) compopt -o dirnames 2>/dev/null || COMPREPLY=($(compgen -d -- "$2")) ;;
        *) [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=,] ]] && compopt -o nospace 2>/dev/null ;;
    esac
    return 0
}
complete -F _terra_auth terra-auth
