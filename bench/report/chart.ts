/** Bars as SVG: for each workload one block, each bar as long as its figure is of the largest one. Readable in light and dark. */

export interface Bar {
  readonly label: string
  readonly value: number
  /** As it is written beside the bar. */
  readonly text: string
  readonly tone: 'ours' | 'registry' | 'limit'
}

export interface Block {
  readonly title: string
  readonly bars: readonly Bar[]
}

const WIDTH = 860
const LABEL_WIDTH = 250
const VALUE_WIDTH = 130
const BAR = 16
const GAP = 4
const TITLE = 30
const TONES = { ours: '#1f77b4', registry: '#9a9a9a', limit: '#d8b365' } as const

export function barChart(title: string, blocks: readonly Block[]): string {
  let y = 8
  const parts: string[] = []
  for (const { title: name, bars } of blocks) {
    parts.push(text(0, y + 18, name, 'font-weight="600"'))
    y += TITLE
    const longest = Math.max(...bars.map(({ value }) => value))
    for (const { label, value, text: shown, tone } of bars) {
      const width = Math.max(1, Math.round(((WIDTH - LABEL_WIDTH - VALUE_WIDTH) * value) / longest))
      parts.push(text(LABEL_WIDTH - 8, y + BAR - 3, label, 'text-anchor="end"'))
      parts.push(`<rect x="${LABEL_WIDTH}" y="${y}" width="${width}" height="${BAR}" fill="${TONES[tone]}"/>`)
      parts.push(text(LABEL_WIDTH + width + 6, y + BAR - 3, shown))
      y += BAR + GAP
    }
    y += GAP * 2
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}" role="img" aria-label="${escaped(title)}">
<style>text { font: 13px system-ui, sans-serif; fill: #222 } @media (prefers-color-scheme: dark) { text { fill: #ddd } }</style>
${parts.join('\n')}
</svg>
`
}

function text(x: number, y: number, content: string, more = ''): string {
  return `<text x="${x}" y="${y}"${more && ` ${more}`}>${escaped(content)}</text>`
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
