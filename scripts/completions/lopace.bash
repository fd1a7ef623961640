# bash completion for lopace and its filters: the options that --help shows. The names are filled
# in by scripts/completions/install.
# shellcheck shell=bash

_lopace() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words='' help=("$1")
    # "--method=mix" is three words.
    if [[ $cur == = ]]; then cur=''; elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD - 2]}; fi
    # lopace NAME has the options of lpNAME.
    if [[ $1 == *lopace && $COMP_CWORD -gt 1 && ${COMP_WORDS[1]} =~ ^[a-z]+$ ]]; then
        help+=("${COMP_WORDS[1]}")
    fi
    case $prev in
    -e | --encoding)
        local tok=${1%lopace}
        tok=${tok%lp[a-z]*}lptok
        words=$("$tok" --list 2> /dev/null | cut -d' ' -f1)
        ;;
    --method) [[ $1 != *lopace ]] || words='zstd token hybrid mix window window-hybrid' ;;
    *)
        if [[ $cur == -* ]]; then
            words=$("${help[@]}" --help 2> /dev/null | grep -oE -- '(^ +-[A-Za-z0-9]\b|--[a-z][a-z0-9-]*)')
        elif [[ $1 == *lopace && $COMP_CWORD -eq 1 ]]; then
            words="help $("$1" help 2> /dev/null | sed -n 's/^  \([a-z]*\) .*/\1/p')"
        fi
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -o default -F _lopace @COMMANDS@
