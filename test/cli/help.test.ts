/** What the command says of itself: help, the page made from it, completions. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { completionScript } from '../../src/cli/commands/completion.ts'
import { cliDocument } from '../../src/cli/documents.ts'
import { EXIT, EXIT_MEANINGS } from '../../src/cli/failure.ts'
import { buildProgram } from '../../src/cli/program.ts'

const program = buildProgram(() => async () => {}, process, '0.0.0')

function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves)
}

test('docs/cli.md is what the commands say', () => {
  expect(readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8')).toBe(cliDocument())
})

test('every exit code has its meaning in the documentation', () => {
  expect(Object.keys(EXIT_MEANINGS).map(Number)).toEqual(Object.values(EXIT))
  for (const [code, meaning] of Object.entries(EXIT_MEANINGS))
    expect(cliDocument()).toContain(`| ${code} | ${meaning} |`)
})

test.each(leaves(program).map((command) => [command.name(), command] as const))(
  '%s has a description and an example',
  (_, command) => {
    let text = ''
    command.configureOutput({
      writeOut: (piece) => {
        text += piece
      },
    })
    command.outputHelp()
    expect(command.description()).toMatch(/\.$/)
    expect(text).toMatch(/Examples:\n {2}# .+\n {2}\S*.*artifactstore /)
  },
)

describe('completion', () => {
  const script = completionScript(program, 'bash')!

  /** What bash offers after these words; the last one is being typed. */
  function offered(...words: string[]): string[] {
    const folder = mkdtempSync(join(tmpdir(), 'completion-'))
    try {
      writeFileSync(join(folder, 'artifactstore.bash'), script)
      writeFileSync(join(folder, 'local-file'), '')
      const typed = ['artifactstore', ...words].map((word) => `'${word}'`).join(' ')
      const commands = [
        'set -eu',
        'source ./artifactstore.bash',
        `COMP_WORDS=(${typed}); COMP_CWORD=${words.length}`,
        '_artifactstore',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: it is bash's
        'printf "%s\\n" "${COMPREPLY[@]}"',
      ]
      const output = execFileSync('bash', ['--norc', '-c', commands.join('\n')], { cwd: folder, encoding: 'utf8' })
      return output.split('\n').filter(Boolean)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }

  test('of commands, their options and global ones', () => {
    expect(offered('pu')).toEqual(['push', 'pull'])
    expect(offered('')).toEqual([...program.commands.map((command) => command.name()), 'help'])
    expect(offered('--js')).toEqual(['--json'])
    expect(offered('push', '--re')).toEqual(['--retention-class'])
    expect(offered('push', 'dir', '--producer', 'x', '--na')).toEqual(['--name'])
    expect(offered('--json', 'pull', '--f')).toEqual(['--force'])
  })

  test('of commands within commands, of shells, and of files elsewhere', () => {
    expect(offered('config', '')).toEqual(['check', 'show'])
    expect(offered('config', 'show', '--g')).toEqual(['--given'])
    expect(offered('completion', '')).toEqual(['bash', 'zsh', 'fish'])
    expect(offered('push', 'local')).toEqual(['local-file'])
  })

  test('every shell knows every command and option', () => {
    const words = program.commands.flatMap((command) => [
      command.name(),
      ...command.options.map((option) => option.long!.slice(2)),
    ])
    for (const shell of ['bash', 'zsh', 'fish']) {
      const text = completionScript(program, shell)!
      expect(words.filter((word) => !text.includes(word))).toEqual([])
    }
    expect(completionScript(program, 'tcsh')).toBeUndefined()
  })
})
