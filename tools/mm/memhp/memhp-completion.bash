# SPDX-License-Identifier: GPL-2.0
# Completion of memhp(1) for bash: source it, or install it as bash-completion/completions/memhp.

_memhp_blocks()
{
	local path

	for path in /sys/devices/system/memory/memory[0-9]*; do
		echo "${path##*/memory}"
	done
}

# Blocks in this state, as memoryN: offline and online refuse a single number.
_memhp_blocks_that_are()
{
	grep -lx "$1" /sys/devices/system/memory/memory[0-9]*/state 2>/dev/null |
		sed 's,.*/\(memory[0-9]*\)/state,\1,'
}

_memhp_groups()
{
	local path

	for path in /sys/devices/system/memory/groups/*/; do
		path=${path%/}
		[ ! -d "$path" ] || echo "group${path##*/}"
	done
}

_memhp_nodes()
{
	local path

	for path in /sys/devices/system/node/node[0-9]*; do
		echo "${path##*/node}"
	done
}

_memhp()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command='' i
	local words='--json --sysroot --help --version'

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		map | why | query | offline | online | groups)
			command=${COMP_WORDS[i]}
			break
			;;
		esac
	done

	case $prev in
	-s | --sysroot)
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return
		;;
	-n | --node)
		mapfile -t COMPREPLY < <(compgen -W "$(_memhp_nodes)" -- "$cur")
		return
		;;
	-z | --zone)
		mapfile -t COMPREPLY < <(compgen -W 'DMA DMA32 Normal Movable' -- "$cur")
		return
		;;
	-t | --timeout)
		return
		;;
	esac

	case $command in
	'')
		words+=' map why query offline online groups --color=auto --color=always --color=never'
		;;
	map)
		words+=' --color=auto --color=always --color=never'
		;;
	why)
		words+=" $(_memhp_blocks)"
		;;
	query)
		words+=" $(_memhp_blocks) $(_memhp_groups)"
		;;
	offline)
		words+=" --timeout --best-effort --node --zone --verbose"
		words+=" $(_memhp_blocks_that_are online) $(_memhp_groups)"
		;;
	online)
		words+=" --timeout --best-effort --node --kernel --movable --verbose"
		words+=" $(_memhp_blocks_that_are offline) $(_memhp_groups)"
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _memhp memhp
