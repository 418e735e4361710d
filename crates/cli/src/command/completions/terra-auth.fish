# Completes terra-auth in fish. The program itself returns the candidates.
function __terra_auth_complete
    set -l before (commandline --current-process --tokenize --cut-at-cursor)
    set -l current (commandline --current-token --cut-at-cursor)
    set -l program $before[1]
    type -q "$program"; or set program terra-auth
    set -l lines ($program completions fish --current "$current" -- $before 2>/dev/null)
    set -l mode $lines[1]
    set -e lines[1]
    set -l option (string match --regex -- '^--[^=]+=' "$current")
    set -l value (string replace --regex -- '^--[^=]+=' '' "$current")
    switch "$mode"
        case files
            for path in (__fish_complete_path "$value")
                echo "$option$path"
            end
        case directories
            for path in (__fish_complete_directories "$value" '')
                echo "$option$path"
            end
        case '*'
            printf '%s\n' $lines
    end
end
complete --command terra-auth --no-files --keep-order --arguments '(__terra_auth_complete)'
