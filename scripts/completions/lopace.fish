# fish completion for @COMMAND@: the options that --help shows.
for line in (@COMMAND@ --help 2> /dev/null)
    string match -rq -- '^ +(?:-(?<short>[A-Za-z0-9])(?:,| \.\.\. -22,) +)?--(?<long>[a-z][a-z0-9-]*)(?:\[=[A-Z]+\]|(?:=| (?=[A-Z]))(?<argument>[A-Za-z:]+))?(?: +(?<what>.*))?$' $line
    or continue
    set -l arguments -c @COMMAND@ -l $long
    string match -qr '[A-Za-z0]' -- "$short"; and set -a arguments -s $short
    switch "$argument"
        case FILE DIR
            set -a arguments -r -F
        case '?*'
            set -a arguments -x
    end
    complete $arguments -d "$what"
end
if string match -q -- '*lopace' @COMMAND@
    complete -c @COMMAND@ -n __fish_use_subcommand -a "help (@COMMAND@ help | string match -rg '^  ([a-z]+) ')"
end
