"""Small models whose best sentence every sound beam search finds."""

import numpy as np

WORDS, WIDTH, SOURCES = 7, 6, 9  # words of the target, width of the tables, words of the source
NEVER = -14.0  # logit of a word that does not come up
RARE = 20.0  # how far the logits of words that do not come up lie below, where only one word follows
APART = 0.08  # smallest distance of two scores that decide


def clear_model(rng, beam, length_penalty, bos, eos, max_length, ended=True):
    """(tables of a `table_translator`, source ids (1, length)) on which all sound variants of the search agree.

    Tables are drawn until these hold: the best sentence is clearly better than the second; its beginnings, and then it
    itself, are among the `beam` best at every step, whole sentences counted; a search that ends with `beam` whole sentences finds it; with
    more than one beginning it is another sentence than the greedy search finds. `ended`: it ends before `max_length`,
    else no sentence ends.
    """
    while True:
        tables = _tables(rng, bos, eos, ended)
        source = np.array([[1, *rng.integers(3, SOURCES, int(rng.integers(2, 5))), 2]])
        memory = tables[0][source[0]].mean(axis=0)
        levels = _log_probabilities(memory, *tables[1:], bos, eos, max_length)
        if _is_clear(levels, beam, length_penalty, ended):
            return tables, source


def bad_ends_first(rng, beam):
    """(tables of a `table_translator`, source ids (1, length), max_length): `beam` hardly probable sentences end before
    the one that is nearly sure.

    After <bos> a first word is nearly sure, and two more follow it surely before the end. The end at once and
    `beam` - 1 other words are hardly probable, and the end follows each of these words surely. So after two words there
    are `beam` whole sentences, while a much better beginning is open: it is the first at every step of every search.
    """
    words = 6 + beam - 1
    first, second, third, *others = rng.permutation(np.arange(3, words)).tolist()
    target = np.zeros((words, words))
    target[1] = -RARE
    target[1, [first, 2, *others]] = rng.uniform(5.5, 6.5), 1.3, *rng.uniform(0.5, 1.1, beam - 1)

    def follow(before, word, then):
        """After the words `before` and `word` comes `then`: its logit is 0, all others are far below."""
        target[word] = -RARE - target[before].sum(axis=0)
        target[word, then] += RARE

    follow([1], first, second)
    follow([1, first], second, third)
    follow([1, first, second], third, 2)
    for word in others:
        follow([1], word, 2)
    tables = np.zeros((SOURCES, words)), target, np.eye(words)
    source = np.array([[1, *rng.integers(3, SOURCES, 3), 2]])
    return tuple(table.astype(np.float32) for table in tables), source, int(rng.integers(5, 8))


def _tables(rng, bos, eos, ended):
    """source, target, mix. Column 0 of a row is always 1, so that column 0 of `mix` is a word's own logit."""
    source, target, mix = (rng.normal(size=(size, WIDTH)) for size in (SOURCES, WORDS, WORDS))
    source[:, 0], target[:, 0], mix[:, 0] = 1, 0, 0
    mix[[0, bos], 0] = NEVER
    mix[eos, 0] = -0.5 if ended else NEVER
    return tuple(table.astype(np.float32) for table in (source, target, mix))


def _log_probabilities(memory, target, mix, bos, eos, max_length):
    """For n = 1, 2, ...: the log-probabilities of all beginnings of n words, (beginnings before, 1 + open words).

    Column 0 ends with `eos`; the beginning number i and the open word number j make the next beginning i * words + j.
    """
    words = [word for word in range(1, WORDS) if word not in (bos, eos)]
    levels, sums, states = [], np.zeros(1), (memory + target[bos])[None]
    for _ in range(max_length):
        logits = states @ mix.T
        logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        levels.append((sums[:, None] + logs)[:, [eos, *words]])
        sums = levels[-1][:, 1:].reshape(-1)
        states = (states[:, None] + target[words]).reshape(-1, WIDTH)
    return levels


def _is_clear(levels, beam, length_penalty, ended):
    greedy = _greedy(levels)
    if greedy is None or ended == (len(greedy) == len(levels)):
        return False
    if beam == 1:
        return True
    penalties = [((5 + n) / 6) ** length_penalty for n in range(1, len(levels) + 1)]
    best, distance = _best(levels, penalties)
    if distance < APART or best == greedy or ended == (len(best) == len(levels)):
        return False
    if not all(_kept(levels, penalties, best, n, beam) for n in range(1, len(levels) + 1)):
        return False
    return all(_found(levels, penalties, best, beam, shrinking) for shrinking in (False, True))


def _found(levels, penalties, best, beam, shrinking):
    """Does a search find the best sentence that ends with `beam` whole ones? `shrinking`: they take the place of others."""
    rows, own, whole = np.zeros(1, dtype=int), 0, []
    for n, column in enumerate(best, 1):
        if len(whole) >= beam:
            break
        table = levels[n - 1][rows]
        order = np.argsort(-table, axis=None)
        first = order[: beam - len(whole) if shrinking else beam]
        columns = table.shape[1]
        taken = {(int(rows[place // columns]), int(place % columns)) for place in first}
        if column == 0 or n == len(levels):
            return (own, column) in taken
        whole += [row for row, sentence in taken if sentence == 0]
        going_on = first if shrinking else order
        going_on = [place for place in going_on if place % columns][:beam]
        rows = np.array([rows[place // columns] * (columns - 1) + place % columns - 1 for place in going_on], dtype=int)
        own = own * (columns - 1) + column - 1
        if own not in rows:
            return False
    return False


def _greedy(levels):
    """The columns that the greedy search takes; None where two words are nearly equal."""
    row, columns = 0, []
    for level in levels:
        second, first = np.sort(level[row])[-2:]
        if first - second < APART:
            return None
        columns.append(int(level[row].argmax()))
        if columns[-1] == 0:
            break
        row = row * (level.shape[1] - 1) + columns[-1] - 1
    return columns


def _best(levels, penalties):
    """The columns of the best whole sentence, and how much better it is than the second."""
    whole = [level[:, 0] / penalty for level, penalty in zip(levels[:-1], penalties[:-1], strict=True)]
    whole.append(levels[-1].reshape(-1) / penalties[-1])
    scores = np.concatenate(whole)
    second, first = np.sort(scores)[-2:]
    level = int(np.argmax([part.max() for part in whole]))
    at = int(whole[level].argmax())
    row, column = (at, 0) if level < len(levels) - 1 else divmod(at, levels[-1].shape[1])
    columns = [column]
    for _ in range(level):
        row, before = divmod(row, levels[0].shape[1] - 1)
        columns.insert(0, before + 1)
    return columns, first - second


def _kept(levels, penalties, columns, n, beam):
    """Are the first n words, or the whole sentence if it is shorter, among the `beam` best of step n by both measures,
    all whole sentences counted?"""
    row, last = 0, min(n, len(columns))
    for column in columns[: last - 1]:
        row = row * (levels[0].shape[1] - 1) + column - 1
    own = levels[last - 1][row, columns[last - 1]]
    before = [level[:, 0] for level in levels[: n - 1]]
    by_sum = sum((part > own - 1e-4).sum() for part in [*before, levels[n - 1]])
    score = own / penalties[last - 1]
    parts = zip([*before, levels[n - 1]], penalties[:n], strict=True)
    by_score = sum((part / penalty > score - 1e-4).sum() for part, penalty in parts)
    return max(by_sum, by_score) <= beam
