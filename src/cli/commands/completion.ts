/** Completion scripts for shells, made from the commands themselves, so that they cannot lag behind. */
import type { Command } from 'commander'
import { usageError } from '../failure.ts'
import type { Runner } from '../program.ts'
import { examples } from './help-examples.ts'

export function registerCompletion(program: Command, run: Runner): void {
  program
    .command('completion')
    .argument('<shell>', 'bash, zsh or fish')
    .description('Print a completion script for a shell.')
    .addHelpText(
      'after',
      examples([
        ['source <(artifactstore completion bash)', 'in this shell'],
        ['artifactstore completion fish > ~/.config/fish/completions/artifactstore.fish', 'for good'],
      ]),
    )
    .action(
      run(async (context, shell: string) => {
        const script = completionScript(program, shell)
        if (script === undefined) throw usageError(`there is no completion for '${shell}'; use bash, zsh or fish`)
        context.result({ shell, script }, () => script.trimEnd())
        return undefined
      }),
    )
}

interface Word {
  readonly name: string
  readonly description: string
}

interface Level {
  /** The words before, e.g. `config`; '' at the top. */
  readonly path: string
  readonly commands: readonly Word[]
  readonly options: readonly Word[]
}

export function completionScript(program: Command, shell: string): string | undefined {
  const levels = levelsOf(program)
  if (shell === 'bash') return bash(levels)
  if (shell === 'zsh') return zsh(levels)
  return shell === 'fish' ? fish(levels) : undefined
}

function levelsOf(program: Command): Level[] {
  const inherited = optionsOf(program).filter(({ name }) => name !== '--version')
  const levels: Level[] = []
  const visit = (command: Command, path: string) => {
    const own = optionsOf(command)
    const commands = command.commands.map((child) => ({ name: child.name(), description: child.description() }))
    if (path === '') commands.push({ name: 'help', description: 'Show help.' })
    levels.push({ path, commands, options: path === '' ? own : [...own, ...inherited] })
    for (const child of command.commands) visit(child, path === '' ? child.name() : `${path} ${child.name()}`)
  }
  visit(program, '')
  return levels
}

function optionsOf(command: Command): Word[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .flatMap(({ long, description }) => (long ? [{ name: long, description }] : []))
}

function bash(levels: readonly Level[]): string {
  const cases = levels
    .map(({ path, commands, options }) => {
      const words = (list: readonly Word[]) => list.map(({ name }) => name).join(' ')
      return `    '${path}') commands='${words(commands)}'; options='${words(unique(options))}' ;;`
    })
    .join('\n')
  return `# bash completion for artifactstore
_artifactstore() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path='' word commands='' options=''
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path $word" in
${levels
  .filter(({ path }) => path !== '')
  .map(({ path }) => `      '${path.includes(' ') ? path : ` ${path}`}') path='${path}' ;;`)
  .join('\n')}
    esac
  done
  case "$path" in
${cases}
  esac
  if [[ "$current" == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
  elif [[ -n "$commands" ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$current")
  elif [[ "$path" == completion ]]; then
    mapfile -t COMPREPLY < <(compgen -W 'bash zsh fish' -- "$current")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  fi
}
complete -o filenames -F _artifactstore artifactstore
`
}

function zsh(levels: readonly Level[]): string {
  const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`
  const entry = ({ name, description }: Word) => quote(`${name.replaceAll(':', '\\:')}:${description}`)
  const cases = levels
    .map(
      ({ path, commands, options }) =>
        `    ${quote(path)}) commands=(${commands.map(entry).join(' ')}); options=(${unique(options).map(entry).join(' ')}) ;;`,
    )
    .join('\n')
  const paths = levels.filter(({ path }) => path !== '').map(({ path }) => path)
  return `#compdef artifactstore
_artifactstore() {
  local current="\${words[CURRENT]}" joined='' word
  local -a commands options
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "\${joined:+$joined }$word" in
      ${paths.map(quote).join('|')}) joined="\${joined:+$joined }$word" ;;
    esac
  done
  case "$joined" in
${cases}
  esac
  if [[ "$current" == -* ]]; then
    _describe option options
  elif (( \${#commands} )); then
    _describe command commands
  elif [[ "$joined" == completion ]]; then
    compadd bash zsh fish
  else
    _files
  fi
}
if [[ "\${funcstack[1]}" == _artifactstore ]]; then _artifactstore "$@"; else compdef _artifactstore artifactstore; fi
`
}

function fish(levels: readonly Level[]): string {
  const quote = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  const lines = ['# fish completion for artifactstore', 'complete -c artifactstore -f']
  const top = levels[0]!
  for (const { path, commands, options } of levels) {
    const last = path.slice(path.lastIndexOf(' ') + 1)
    const inside = path === '' ? '__fish_use_subcommand' : `__fish_seen_subcommand_from ${last}`
    const others = commands.map(({ name }) => name).join(' ')
    const where =
      path === '' || commands.length === 0 ? inside : `${inside}; and not __fish_seen_subcommand_from ${others}`
    for (const { name, description } of commands) {
      lines.push(`complete -c artifactstore -n ${quote(where)} -a ${name} -d ${quote(description)}`)
    }
    for (const { name, description } of unique(options)) {
      const isGlobal = path !== '' && top.options.some((option) => option.name === name)
      if (isGlobal) continue
      const condition = path === '' ? '' : `-n ${quote(inside)} `
      lines.push(`complete -c artifactstore ${condition}-l ${name.slice(2)} -d ${quote(description)}`)
    }
  }
  lines.push("complete -c artifactstore -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'")
  lines.push("complete -c artifactstore -n '__fish_seen_subcommand_from push pull manifest verify' -F")
  return `${lines.join('\n')}\n`
}

function unique(words: readonly Word[]): Word[] {
  return [...new Map(words.map((word) => [word.name, word])).values()]
}
