"""The text collection of lesson 1: 76 English sentences with Korean translations, written for this course."""

from __future__ import annotations

_TEXT = """\
the dog bites the man | 개가 남자를 물어요
the man bites the dog | 남자가 개를 물어요
the cat sleeps | 고양이가 자요
The dog sees the cat. | 개가 고양이를 봐요.
The cat sees a bird. | 고양이가 새를 봐요.
The child loves the dog. | 아이가 개를 좋아해요.
The woman reads a book. | 여자가 책을 읽어요.
The man drinks water. | 남자가 물을 마셔요.
The child eats bread. | 아이가 빵을 먹어요.
The bird sings in the tree. | 새가 나무에서 노래해요.
The dog runs to the river. | 개가 강으로 뛰어요.
The cat sleeps in the house. | 고양이가 집에서 자요.
The woman goes to the market. | 여자가 시장에 가요.
The man buys bread at the market. | 남자가 시장에서 빵을 사요.
The child goes to school. | 아이가 학교에 가요.
The teacher writes a letter. | 선생님이 편지를 써요.
The child reads the letter. | 아이가 편지를 읽어요.
A friend comes to the house. | 친구가 집에 와요.
The friend gives the child an apple. | 친구가 아이에게 사과를 줘요.
The child eats the apple. | 아이가 사과를 먹어요.
The dog wants the bread. | 개가 빵을 원해요.
The woman sees the river. | 여자가 강을 봐요.
The fish swims in the river. | 물고기가 강에서 헤엄쳐요.
The cat wants the fish. | 고양이가 물고기를 원해요.
The man sings a song. | 남자가 노래를 불러요.
The woman loves the song. | 여자가 노래를 좋아해요.
The flower is red. | 꽃이 빨개요.
The house is big. | 집이 커요.
The bird is small. | 새가 작아요.
The river is long. | 강이 길어요.
The small cat drinks milk. | 작은 고양이가 우유를 마셔요.
The big dog drinks water. | 큰 개가 물을 마셔요.
The old man sleeps in the park. | 늙은 남자가 공원에서 자요.
The child runs in the park. | 아이가 공원에서 뛰어요.
The teacher goes to the park. | 선생님이 공원에 가요.
The friend reads a book in the park. | 친구가 공원에서 책을 읽어요.
The woman gives the man a flower. | 여자가 남자에게 꽃을 줘요.
The man loves the woman. | 남자가 여자를 사랑해요.
The dog loves the child. | 개가 아이를 사랑해요.
Does the cat love the dog? | 고양이가 개를 사랑해요?
The cat doesn't love the dog. | 고양이는 개를 사랑하지 않아요.
The dog doesn't sleep. | 개는 자지 않아요.
The bird doesn't eat bread. | 새는 빵을 먹지 않아요.
Today the teacher reads a letter. | 오늘 선생님이 편지를 읽어요.
Today the woman buys an apple. | 오늘 여자가 사과를 사요.
Tomorrow the friend comes to school. | 내일 친구가 학교에 와요.
Tomorrow the man goes to the river. | 내일 남자가 강에 가요.
The dog and the cat sleep. | 개와 고양이가 자요.
The man and the woman sing. | 남자와 여자가 노래해요.
The child and the friend eat apples. | 아이와 친구가 사과를 먹어요.
The tree by the house is old. | 집 옆의 나무가 오래됐어요.
The bird sees the fish. | 새가 물고기를 봐요.
The fish sees the bird, too. | 물고기도 새를 봐요.
The man sees the tree. | 남자가 나무를 봐요.
The teacher loves flowers. | 선생님은 꽃을 좋아해요.
The child writes a song. | 아이가 노래를 써요.
The woman drinks milk at school. | 여자가 학교에서 우유를 마셔요.
Who bites the man? The dog! | 누가 남자를 물어요? 개가 물어요!
Where does the cat sleep? | 고양이는 어디에서 자요?
The cat sleeps in the tree. | 고양이가 나무에서 자요.
The dog bites the teacher. | 개가 선생님을 물어요.
The fish bites the man. | 물고기가 남자를 물어요.
The friend sees the child. | 친구가 아이를 봐요.
The child sees the friend. | 아이가 친구를 봐요.
The teacher goes to the market. | 선생님이 시장에 가요.
The tree is big. | 나무는 커요.
The woman gives the dog bread. | 여자가 개에게 빵을 줘요.
The cat and the bird sleep. | 고양이와 새가 자요.
The man doesn't love the river. | 남자는 강을 사랑하지 않아요.
The letter is on the book. | 편지가 책 위에 있어요.
The apple is small. | 사과가 작아요.
The bird eats the apple. | 새가 사과를 먹어요.
Tomorrow the dog goes to school, too. | 내일 개도 학교에 가요.
The friend's house is old. | 친구의 집은 오래됐어요.
The flower is in the water. | 꽃은 물에 있어요.
The woman sings to the cat. | 여자가 고양이에게 노래를 불러요.
"""

SENTENCE_PAIRS = [tuple(line.split(" | ")) for line in _TEXT.splitlines()]
