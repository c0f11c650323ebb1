/** Code blocks of a Markdown document that a test runs: the words after the language name them (```sh tour oras). */

/** Contents of the fenced blocks whose info string has `mark` after its language, in the order of the document. */
export function markedBlocks(markdown: string, mark: string): string[] {
  return fences(markdown)
    .filter(({ marks }) => marks.includes(mark))
    .map(({ content }) => content)
}

/** All marked blocks, for a tour whose blocks build on each other. */
export function fences(markdown: string): { marks: string[]; content: string }[] {
  return [...markdown.matchAll(/^```(\S*) *(.*)\n([\s\S]*?)^```$/gm)].map(([, , words, content]) => ({
    marks: words!.split(/\s+/).filter((word) => word !== ''),
    content: content!,
  }))
}
