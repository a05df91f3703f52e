;; Infinite lists: the rest of a stream is a promise.
(define the-empty-stream '())
(define stream-null? null?)

(define (stream-take stream count)
  (if (or (= count 0) (stream-null? stream))
      '()
      (cons (stream-car stream) (stream-take (stream-cdr stream) (- count 1)))))

(define (stream-map f stream)
  (cons-stream (f (stream-car stream)) (stream-map f (stream-cdr stream))))

(define (stream-filter keep? stream)
  (if (keep? (stream-car stream))
      (cons-stream (stream-car stream) (stream-filter keep? (stream-cdr stream)))
      (stream-filter keep? (stream-cdr stream))))

(define (stream-ref stream n)
  (if (= n 0) (stream-car stream) (stream-ref (stream-cdr stream) (- n 1))))

(define (integers-from n) (cons-stream n (integers-from (+ n 1))))

(define (sieve stream)
  (cons-stream
   (stream-car stream)
   (sieve (stream-filter
           (lambda (n) (not (= 0 (remainder n (stream-car stream)))))
           (stream-cdr stream)))))

;; A stream that is defined by itself.
(define fibonacci
  (cons-stream 0 (cons-stream 1 (stream-add fibonacci (stream-cdr fibonacci)))))
(define (stream-add a b)
  (cons-stream (+ (stream-car a) (stream-car b)) (stream-add (stream-cdr a) (stream-cdr b))))

(write (stream-take (stream-map square (integers-from 1)) 10)) (newline)
(write (stream-take (sieve (integers-from 2)) 25)) (newline)
(write (stream-take fibonacci 20)) (newline)
(write (stream-ref fibonacci 80)) (newline)

;; Nobody keeps the head of this one, so a long walk needs little memory.
(write (stream-ref (integers-from 0) 20000)) (newline)
