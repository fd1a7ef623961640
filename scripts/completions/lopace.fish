# fish completion for @COMMAND@: the options that --help shows.
for line in (@COMMAND@ --help 2> /dev/null)
    set -l option (string match -rg -- '^ +(?:-([A-Za-z0-9])(?:,| \.\.\. -22,) +)?--([a-z][a-z0-9-]*)(?:[ =]([A-Z:]+))?(?: +(.*))?$' $line)
    or continue
    set -l arguments -c @COMMAND@ -l $option[2]
    string match -qr '[A-Za-z0]' -- $option[1]; and set -a arguments -s $option[1]
    switch "$option[3]"
        case FILE DIR
            set -a arguments -r -F
        case '?*'
            set -a arguments -x
    end
    complete $arguments -d "$option[4]"
end
if string match -q -- '*lopace' @COMMAND@
    complete -c @COMMAND@ -n __fish_use_subcommand -a "help (@COMMAND@ help | string match -rg '^  ([a-z]+) ')"
end
